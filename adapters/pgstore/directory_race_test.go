//go:build race

package pgstore

// raceEnabled makes the long tests shorter: the race detector costs a factor.
const raceEnabled = true
