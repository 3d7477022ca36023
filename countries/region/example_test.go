package region_test

import (
	"errors"
	"fmt"

	"github.com/passcode-go/passcode/countries/region"
)

// A program that texts the Nordic countries looks at what the list of
// unsupported countries would keep it from, and which line says so.
func Example() {
	nordic, err := region.NewSet("DK", "FI", "FO", "GL", "IS", "NO", "SE")
	if err != nil {
		panic(err)
	}
	for _, c := range nordic.Codes() {
		if !region.Unsupported().Has(c) {
			fmt.Println(c, c.Name(), "is texted")
		}
	}
	for _, line := range region.UnsupportedLines() {
		if nordic.Has(line.Region) {
			fmt.Printf("%s is not, because of %q\n", line.Region, line.Text)
		}
	}

	_, err = region.NewSet("UK")
	fmt.Println(errors.Is(err, region.ErrUnknown), err)
	// Output:
	// FI Finland is texted
	// IS Iceland is texted
	// NO Norway is texted
	// DK is not, because of "Denmark"
	// FO is not, because of "Faroe Islands"
	// GL is not, because of "Greenland"
	// SE is not, because of "Sweden"
	// true region: unknown code: "UK"; codes are those of ISO 3166-1, such as US or GB
}
