package whatsappsender

import "github.com/passcode-go/passcode/delivery"

// kindOf is the kind of an error of Meta's, and whether it is known; it is
// Temporary if it is not.
func kindOf(code, subcode int) (kind delivery.Kind, known bool) {
	switch {
	case code >= 200 && code <= 299: // a permission is missing
		return delivery.Configuration, true
	case code == 100 && subcode == 33: // there is no such phone number id, or not for this token
		return delivery.Configuration, true
	}
	if kind, known = kinds[code]; known {
		return kind, true
	}
	return delivery.Temporary, false
}

// kinds has the error codes of
// https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
// that sending a template can bring and that are not Temporary. The package
// comment says by which rule. It is never written to.
var kinds = map[int]delivery.Kind{
	130472: delivery.Rejected, // the user is part of an experiment
	130497: delivery.Rejected, // no messages into this country
	131021: delivery.Rejected, // the recipient is the sender
	131026: delivery.Rejected, // undeliverable: not on WhatsApp, terms not accepted, version too old
	131030: delivery.Rejected, // not among the numbers of a test account
	131049: delivery.Rejected, // Meta chose not to deliver
	131050: delivery.Rejected, // opted out
	131056: delivery.Rejected, // too many messages to this user

	4:      delivery.Throttled, // the app's calls
	17:     delivery.Throttled, // the user's calls
	613:    delivery.Throttled, // calls to this API
	80007:  delivery.Throttled, // the WhatsApp account's calls
	80008:  delivery.Throttled, // the WhatsApp account's calls
	130429: delivery.Throttled, // throughput
	131048: delivery.Throttled, // restricted because of spam

	0:      delivery.Configuration, // authentication
	3:      delivery.Configuration, // capability or permission
	10:     delivery.Configuration, // permission
	33:     delivery.Configuration, // the business phone number was deleted
	102:    delivery.Configuration, // session of the token
	190:    delivery.Configuration, // access token expired or invalid
	368:    delivery.Configuration, // blocked for violating a policy
	131005: delivery.Configuration, // access denied
	131008: delivery.Configuration, // parameter missing, such as the button's
	131031: delivery.Configuration, // account locked
	131037: delivery.Configuration, // display name not approved
	131042: delivery.Configuration, // payment
	131045: delivery.Configuration, // certificate, registration
	131047: delivery.Configuration, // not a template, outside of the window
	131051: delivery.Configuration, // message type not supported
	132000: delivery.Configuration, // wrong number of parameters
	132001: delivery.Configuration, // no such template in this language
	132005: delivery.Configuration, // text too long once filled in
	132007: delivery.Configuration, // character policy
	132012: delivery.Configuration, // wrong format of a parameter
	132015: delivery.Configuration, // template paused
	132016: delivery.Configuration, // template disabled
	133005: delivery.Configuration, // two-step PIN
	133006: delivery.Configuration, // phone number to be verified again
	133010: delivery.Configuration, // phone number not registered
	134011: delivery.Configuration, // terms not accepted
}
