package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/internal/servertest"
	"github.com/passcode-go/passcode/store/memstore"
	"github.com/passcode-go/passcode/store/storetest"
)

// A small run must come to an end with a row for each measurement, in the
// table and as JSON.
func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rows.json")
	var table, log strings.Builder
	err := run(t.Context(), []string{"-records", "20", "-callers", "1,4", "-rounds", "2", "-checks", "50", "-dir", t.TempDir(), "-json", file}, &table, &log)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(encoded, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 8 || strings.Count(table.String(), " x ") < 8 {
		t.Errorf("%d rows; table\n%s", len(r.Rows), table.String())
	}
	for _, row := range r.Rows {
		if row.PerSecond <= 0 || row.P50 <= 0 || row.P99 < row.P50 || row.Ratio <= 0 || row.Bytes <= 0 || (row.Unit == "Update") != (row.P50Ratio > 0) {
			t.Errorf("%+v", row)
		}
	}
}

// The same on servers, which have cold checks too.
func TestRunOnServers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rows.json")
	var table, log strings.Builder
	err := run(t.Context(), []string{"-store", "redis,postgres", "-records", "100", "-callers", "1,4", "-rounds", "2", "-json", file}, &table, &log)
	servertest.SkipIfMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(encoded, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 12 || strings.Count(table.String(), " cold ") != 4 {
		t.Errorf("%d rows; table\n%s", len(r.Rows), table.String())
	}
	for _, row := range r.Rows {
		if row.PerSecond <= 0 || row.P50 <= 0 || row.Ratio <= 0 || row.P50Ratio <= 0 || row.Bytes != 0 {
			t.Errorf("%+v", row)
		}
	}
}

// The other side of redisstore's ratio runs the very script that redisstore does.
func TestBareScriptIsTheStores(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../adapters/redisstore/script.go")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(source), "` + rewound + `", `'\255rewound\0'`, 1)
	for _, part := range []string{bareRead, strings.TrimPrefix(bareSwap, bareRead)} {
		if !strings.Contains(text, part) {
			t.Errorf("redisstore has another script than\n%s", part)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"-store mysql", "-records 0", "-callers x", "-rounds 0", "-cpu 0", "-nonsense"} {
		if err := run(t.Context(), strings.Fields(args), new(strings.Builder), new(strings.Builder)); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
}

// The other side of boltstore's ratio must move as many bytes as it does.
func TestBareValuesHaveTheSizeOfRecords(t *testing.T) {
	t.Parallel()
	memory, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	recorder := storetest.NewRecorder(memory)
	clock := new(atomic.Int64)
	clock.Store(time.Now().UnixNano())
	l, err := newLoad(recorder, clock, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.fill(t.Context(), 1, new(strings.Builder)); err != nil {
		t.Fatal(err)
	}
	key := recorder.Calls()[0].Key
	value, err := memory.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	const header = 8 // of boltstore
	if len(key) != keySize || len(value)+header != valueSize {
		t.Errorf("a record has a key of %d bytes and a value of %d+%d; the bare ones %d and %d", len(key), header, len(value), keySize, valueSize)
	}
	bare := newBareValues(1)
	if len(key) != len(bare.keys[0]) || len(value) != len(bare.value(1)) || recordSize != len(value) {
		t.Errorf("a record has a key of %d bytes and a value of %d; those of the bare loops on servers %d and %d", len(key), len(value), len(bare.keys[0]), len(bare.value(1)))
	}
}
