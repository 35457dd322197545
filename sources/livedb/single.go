package livedb

import (
	"context"
	"sync"
)

// Captures of one database wait for each other: they would take each other for
// the app.
var (
	entered sync.Mutex
	inside  = map[fileID]chan struct{}{}
)

// enter waits until nobody else captures this database. The caller calls
// leave.
func enter(ctx context.Context, id fileID) (leave func(), err error) {
	for {
		entered.Lock()
		other, taken := inside[id]
		if !taken {
			mine := make(chan struct{})
			inside[id] = mine
			entered.Unlock()
			return func() {
				entered.Lock()
				delete(inside, id)
				entered.Unlock()
				close(mine)
			}, nil
		}
		entered.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
