package loginpage

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"

	"github.com/passcode-go/passcode/countries"
	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/policy"
)

// A Page is what a template gets. Which fields are set depends on the page.
//
// Besides what html/template has, templates can call cut, which parts a text
// at a placeholder, as in {{with cut .T.SentSMS "{address}"}}{{.Before}}…{{.After}}{{end}},
// and fill, which fills one in: {{fill .T.CodesLeft "{n}" "3"}}.
type Page struct {
	Name      string // of its template: "start", "code", "factor", "app", "enrol", "codes", "account", "remove" or "message"
	T         *Texts
	Lang, Dir string // language tag, and "ltr" or "rtl"
	AppName   string // Options.App
	Base      string // where the pages are: Options.Path
	StyleURL  string
	ScriptURL string

	Title  string
	Intro  string
	Error  string // what is wrong, in a sentence, or empty
	Where  *Place // the country that Error names, or nil
	Notice string // what is new, in a sentence, or empty
	Action string // where the page's form goes
	Return string // for the field return_to, where it is not empty
	Ways   []Way  // other ways, or on the page factor the ways

	// Of start: where to send a code.
	Channel   delivery.Channel // for the field via
	Channels  []Way
	Countries []Country
	Country   region.Code // the chosen one, or empty
	Value     string      // what was typed before

	// Of code, app and enrol: what to enter.
	To       string // where the code was sent to
	SentTo   string // the sentence that says so
	Flow     string // for the field flow
	Length   int    // characters of a code
	Digits   bool   // they are digits
	Recovery bool   // it is a recovery code
	Closed   bool   // no code can be entered any more
	Wait     int    // seconds until another code can be asked for
	WaitText string // the same, as "0:30"

	// Of enrol and codes: a new authenticator app.
	QR    template.URL // a picture as a data URI, or empty
	Key   string       // the same, to be typed, in groups of four
	Codes []string

	// Of account and remove.
	Methods   []Method
	HasApp    bool
	MayApp    bool // an app can be set up
	CodesLeft int
	ID        string // what is to be removed
}

// A Way is a link, or a form with one button.
type Way struct {
	Label   string
	To      string // fills the label's {address}
	URL     string // of the link; else
	Action  string // where the form goes, with the fields below
	Channel delivery.Channel
	Method  string
	Flow    string
	Current bool
}

// A Country is a choice of where a number is from.
type Country struct {
	Code    region.Code
	Name    string // in English
	Calling int    // calling code
}

// A Place is a country in a sentence: a script can name it in the reader's
// language.
type Place struct {
	Cut
	Country region.Code
	Name    string // in English
}

// A Method is a way to sign in, on the account page.
type Method struct {
	ID       string
	Label    string // what kind it is
	Address  string // masked; empty for an app
	Verified bool
	Channel  delivery.Channel // by which it can be verified
}

// countryList returns the countries that a channel reaches, by their English
// names.
func countryList(p policy.Policy, c delivery.Channel) []Country {
	if c.Class() != delivery.ClassPhone {
		return nil
	}
	var list []Country
	for _, code := range region.All() {
		calling := countries.CallingCode(code)
		reached := func(kind countries.Type) bool {
			return p.Explain(policy.Number{Region: code, Type: string(kind)}, string(c)).Allowed()
		}
		if calling != 0 && reached(countries.TypeMobile) {
			list = append(list, Country{code, code.Name(), calling})
		}
	}
	slices.SortFunc(list, func(a, b Country) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// clock writes seconds as "1:05", or "1:00:05".
func clock(seconds int) string {
	if seconds < 3600 {
		return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}
