//go:build race

package history

// UnderRace says that the race detector makes everything ten times slower.
const UnderRace = true
