package loginpage

import "github.com/passcode-go/passcode/delivery"

// samples returns pages with which a template has to bear up: one with
// everything set, and some with nothing but what every page has.
func samples(name string) []*Page {
	texts := englishTexts()
	base := Page{Name: name, T: &texts, Lang: "en", Dir: "ltr", Base: "/login/", StyleURL: "/login/style.css", ScriptURL: "/login/script.js",
		Title: "Title", Action: "/login/"}
	bare, codes := base, base
	codes.Codes = []string{"a1b2-c3d4-e5f6"}
	full := base
	full.AppName, full.Intro, full.Error, full.Notice, full.Return = "App", "Intro", "A sentence that tells what is wrong.", "Notice", "/return"
	full.Channel, full.Value = delivery.SMS, "202 555 0162"
	full.Channels = []Way{{Label: "SMS", URL: "/login/?via=sms", Current: true}, {Label: "E-mail", URL: "/login/?via=email"}}
	full.Countries, full.Country = []Country{{"SE", "Sweden", 46}, {"US", "United States", 1}}, "US"
	full.Ways = []Way{
		{Label: "A link", URL: "/login/"},
		{Label: "A form to {address}", To: "+•••62", Action: "/login/resend", Channel: delivery.WhatsApp, Method: "phone-number-test-1", Flow: "flow"},
	}
	full.To, full.SentTo, full.Flow, full.Length, full.Digits = "+12025550162", texts.SentSMS, "flow", 6, true
	full.Wait, full.WaitText = 30, "0:30"
	full.QR, full.Key = "data:image/png;base64,AAAA", "ABCD EFGH"
	full.Codes = codes.Codes
	full.Methods = []Method{
		{ID: "phone-number-test-1", Label: texts.Phone, Address: "+•••62", Verified: true, Channel: delivery.SMS},
		{ID: "email-test-1", Label: texts.EmailAddress, Address: "a•••@example.com", Channel: delivery.Email},
	}
	full.MayApp, full.CodesLeft, full.ID = true, 10, "phone-number-test-1"
	closed, app, country := full, full, full
	closed.Closed, closed.Error = true, ""
	app.HasApp, app.Recovery = true, true
	country.Where = &Place{cutText(country.Error, "that"), "SE", "that"}
	return []*Page{&bare, &codes, &full, &closed, &app, &country}
}
