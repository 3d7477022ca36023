package pgstore

import (
	"sync"
	"testing"
)

func TestTenProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	url := testDatabase(t)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			db, err := Open(t.Context(), url, Config{Migrate: true})
			if err != nil {
				t.Error(err)
				return
			}
			db.Close()
		})
	}
	wg.Wait()
}
