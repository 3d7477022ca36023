package pgstore

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/passcode-go/passcode/store"
)

// BenchmarkDirectory shows what calls cost beside 20,000 users, for one caller
// and for eight over four connections. An update of what is unique takes a
// transaction of several statements, another one does not.
func BenchmarkDirectory(b *testing.B) {
	const users = 20_000
	db := testDB(b, Config{})
	fillUsers(b, db, users, func(i int) store.User { return someone(fmt.Sprint("user", i)) })
	d := db.Directory()
	ctx := context.Background()
	var n atomic.Int64
	next := func() int { return int(n.Add(1) * 7919 % users) }
	for _, call := range []struct {
		name string
		do   func() error
	}{
		{"LookupByPhone", func() error { _, err := d.Lookup(ctx, store.ByPhone, fmt.Sprint("+1202user", next())); return err }},
		{"Update", func() error {
			_, err := d.Update(ctx, fmt.Sprint("user", next()), func(u *store.User) error { u.Lock.Failures++; return nil })
			return err
		}},
		{"UpdateAddress", func() error {
			_, err := d.Update(ctx, fmt.Sprint("user", next()), func(u *store.User) error { u.Phones[1].Address += "+"; return nil })
			return err
		}},
		{"CreateDelete", func() error {
			u := someone(fmt.Sprint("another", n.Add(1)))
			err := d.Create(ctx, u)
			if err == nil {
				_, err = d.Delete(ctx, u.ID)
			}
			return err
		}},
		{"SearchPage", func() error { _, err := d.Search(ctx, store.Query{Total: true}); return err }},
		{"SearchText", func() error {
			_, err := d.Search(ctx, store.Query{Total: true, Filters: []store.Filter{{By: store.FieldEmailText, Text: fmt.Sprint("user", next(), "@")}}})
			return err
		}},
	} {
		b.Run(call.name+"/callers=1", func(b *testing.B) {
			for b.Loop() {
				if err := call.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(call.name+"/callers=8", func(b *testing.B) {
			b.SetParallelism(max(1, 8/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := call.do(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
