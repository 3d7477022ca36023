//go:build !race

package countries

// raceEnabled is false: the long tests run in full.
const raceEnabled = false
