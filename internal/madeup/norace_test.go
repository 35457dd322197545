//go:build !race

package madeup

const engineEvery = 1
