//go:build !race

package history

const UnderRace = false
