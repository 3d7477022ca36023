package loginpage

import "strings"

// Texts are the words of the pages in one language. {address}, {country}, {way},
// {time} and {n} stand for what is filled in. Whatever {n} counts may be any
// number, so no word is inflected for it: "Tries left: {n}".
type Texts struct {
	Error string // before the title of a page that has one

	// Where to send a code.
	SignIn, SignInIntro                string
	HowToSend, SMS, WhatsApp, Email    string // the choice of channel
	Country, ChooseCountry             string
	Phone, EmailAddress, Continue      string
	BadPhone, BadEmail                 string
	Unsupported, UnsupportedType       string // a country, a kind of number that no code is sent to
	Limited, NotDelivered, Unavailable string

	// The code.
	EnterCode                           string
	SentSMS, SentWhatsApp, SentEmail    string
	SentAgain                           string // after another code was sent
	FellBack                            string // the code went by another channel than {way}
	Code, PasteHint                     string
	Resend, ResendIn, ResendNow         string
	OtherWay, BySMS, ByWhatsApp         string
	ByEmail, ByPhone, ChangeAddress     string
	BadCode, Wrong, WrongLast           string
	Expired, Used, Locked               string
	Newer                               string // the form is of an older code than the browser's latest
	Lost, StartAgain                    string // there is no sign-in under way
	Busy, OtherSite, NotFound, BadForm  string
	OneMore, OneMoreIntro, NotSetUp     string // a further factor
	NotOffered                          string // one that no code is sent to by these pages
	SendSMS, SendWhatsApp, SendEmail    string
	App, AppIntro, Replayed             string
	UseRecovery, Recovery               string
	RecoveryIntro, BadRecovery          string
	Account, Ways, Unconfirmed, Confirm string // the account page
	AddPhone, AddEmail, AddApp          string
	CodesLeft, ShowCodes, Remove        string
	SignOut, SignOutAll, SignedOut      string
	Scan, QRCode, ByHand, ThenCode      string // a new authenticator app
	NewPicture                          string
	Codes, CodesIntro, Print, Done      string // its recovery codes
	RemoveTitle, RemoveIntro, LastWay   string
	Cancel, Back                        string
	Taken, NotNow                       string // an address that cannot be added
}

// A lang is one of the languages of the pages.
type lang struct {
	locale string // what package delivery calls it
	tag    string // for the lang attribute (RFC 5646)
	dir    string
	texts  func() Texts
}

// languages are those of the messages, in the order of delivery.Locales. It is
// never written to.
var languages = [...]lang{
	{"en", "en", "ltr", englishTexts},
	{"es", "es", "ltr", spanishTexts},
	{"fr", "fr", "ltr", frenchTexts},
	{"pt-br", "pt-BR", "ltr", portugueseTexts},
	{"it", "it", "ltr", italianTexts},
	{"de-DE", "de", "ltr", germanTexts},
	{"zh-Hans", "zh-Hans", "ltr", chineseTexts},
	{"ca-ES", "ca", "ltr", catalanTexts},
	{"ja", "ja", "ltr", japaneseTexts},
	{"ru", "ru", "ltr", russianTexts},
	{"nl", "nl", "ltr", dutchTexts},
	{"pl", "pl", "ltr", polishTexts},
	{"tr", "tr", "ltr", turkishTexts},
	{"fa", "fa", "rtl", persianTexts},
	{"vi", "vi", "ltr", vietnameseTexts},
	{"cs", "cs", "ltr", czechTexts},
}

// A Cut is a text around a place that is filled in with an element.
type Cut struct{ Before, After string }

// cutText parts a text at a placeholder.
func cutText(text, placeholder string) Cut {
	before, after, _ := strings.Cut(text, placeholder)
	return Cut{before, after}
}

// fill replaces a placeholder.
func fill(text, placeholder, value string) string {
	return strings.Replace(text, placeholder, value, 1)
}
