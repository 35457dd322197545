package memory_test

import (
	"testing"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/providers/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, func(*testing.T) providers.Remote { return memory.New() })
}

func TestConformanceReliable(t *testing.T) {
	providertest.Run(t, func(*testing.T) providers.Remote {
		return providers.Reliable(memory.New(), providers.RetryOptions{})
	})
}
