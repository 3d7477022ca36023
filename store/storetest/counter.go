package storetest

import "math"

// What one caller sees of counters.
var counterProperties = []storeProperty{
	{"Sums", sums},
	{"SumsWrapAround", sumsWrapAround},
	{"SpacesAreSeparate", spacesAreSeparate},
}

func sums(t *storeProbe) {
	var sum int64
	for _, delta := range []int64{0, 1, 1, 5, -3, 0, -10, -1, 7, 1 << 40, -(1 << 41), math.MaxInt32, 0} {
		sum += delta
		t.sum("key", delta, sum)
	}
	t.sum("negative", -1, -1)
	t.sum("negative", 1, 0)
	t.sum("negative", 0, 0)
}

func sumsWrapAround(t *storeProbe) {
	t.sum("up", math.MaxInt64, math.MaxInt64)
	t.sum("up", 0, math.MaxInt64)
	t.sum("up", 1, math.MinInt64)
	t.sum("up", math.MinInt64, 0)
	t.sum("down", math.MinInt64, math.MinInt64)
	t.sum("down", -1, math.MaxInt64)
	t.sum("down", math.MaxInt64, -2)
}

func spacesAreSeparate(t *storeProbe) {
	t.sum("key", 5, 5)
	t.want("key", nil)
	t.put("key", nil, []byte("7"), t.far())
	t.sum("key", 1, 6)
	t.want("key", []byte("7"))
	t.put("key", []byte("7"), []byte("not a number"), t.far())
	t.sum("key", 1, 7)
	t.put("key", []byte("not a number"), nil, t.far())
	t.sum("key", 1, 8)
	t.want("key", nil)

	t.put("value", nil, []byte("41"), t.far())
	t.sum("value", 1, 1)
	t.want("value", []byte("41"))
}
