package policy_test

import (
	"fmt"

	"github.com/passcode-go/passcode/policy"
)

// A shop that ships to North America and Kazakhstan, and asks what becomes of
// a Russian number, whose calling code is that of Kazakhstan.
func Example() {
	p := policy.Default()
	p.Countries["sms"] = policy.AllowOnly("US", "CA", "KZ")
	p.Lock.After = 5
	if err := p.Validate(); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("odds within a day: %.1e\n", p.Odds())
	fmt.Println(p.Explain(policy.Number{Region: "KZ", Type: "mobile"}, "sms").Why)
	fmt.Println(p.Explain(policy.Number{Region: "RU", Type: "mobile"}, "sms").Why)
	// Output:
	// odds within a day: 1.0e-04
	// sms reaches mobile numbers of Kazakhstan (KZ)
	// Russia (RU) is not on the list of regions that sms reaches
}
