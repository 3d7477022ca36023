package countries_test

import (
	"errors"
	"fmt"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/countries/region"
)

// A program decides whether to text the numbers that people typed.
func Example() {
	for _, raw := range []string{
		"+12025550162",
		"+77771234567",   // +7 is Kazakhstan
		"+79161234567",   // and Russia
		"+447640123456",  // a pager
		"+870301234567",  // a ship
		"+1 202 5550162", // tidy it first
	} {
		address, reg, kind, err := countries.Mobile(raw)
		var refused *countries.Error
		switch {
		case errors.As(err, &refused):
			fmt.Println("refused:", refused)
		case region.Unsupported().Has(region.Code(reg)):
			fmt.Println("refused:", region.Code(reg).Name(), "is not texted by default")
		default:
			fmt.Println("text", address, "in", region.Code(reg).Name(), "of type", kind)
		}
	}
	// Output:
	// text +12025550162 in United States of type fixed_line_or_mobile
	// text +77771234567 in Kazakhstan of type mobile
	// refused: Russia is not texted by default
	// refused: countries: a number of this type cannot receive a text (GB, pager)
	// refused: countries: the number belongs to no country (001, mobile)
	// refused: countries: not E.164, which is a plus sign and 2 to 15 digits that do not begin with 0, and nothing else
}

// A Number may be logged: it shows itself masked.
func ExampleParse() {
	n, err := countries.Parse("+447911123456")
	if err != nil {
		panic(err)
	}
	fmt.Println(n)
	fmt.Println(n.Region.Name(), "uses", countries.CallingCode(n.Region), "like", region.Code("GB").Name())
	// Output:
	// +•••56 GG mobile
	// Guernsey uses 44 like United Kingdom
}
