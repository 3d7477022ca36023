// Package region is the table of the world's regions: ISO 3166 codes, names,
// and the set that is not texted by default.
package region

// A Code is an ISO 3166-1 alpha-2 code such as "US". "XK" stands for Kosovo,
// and [World] for numbers that belong to no country.
type Code string

// World is the region of numbers with a global calling code, such as
// satellite phones (+870, +881) and international toll-free (+800).
const World Code = "001"
