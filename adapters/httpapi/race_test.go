//go:build race

package httpapi

// underRace says that the race detector makes everything ten times slower.
const underRace = true
