// Package pgstore keeps a [store.Store] and a [store.Directory] in Postgres.
package pgstore
