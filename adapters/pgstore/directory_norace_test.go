//go:build !race

package pgstore

// raceEnabled is false: the long tests run in full.
const raceEnabled = false
