package twiliosender

import "github.com/passcode-go/passcode/delivery"

// kindOf is the kind of an error code of Twilio's.
func kindOf(code int) delivery.Kind {
	if kind, ok := kinds[code]; ok {
		return kind
	}
	return delivery.Temporary
}

// kinds has the error codes of https://www.twilio.com/docs/api/errors that
// sending a message or a callback can bring and that are not Temporary. The
// package comment says by which rule. It is never written to.
var kinds = map[int]delivery.Kind{
	// The address, also where it is the account that does not reach it.
	21211: delivery.Rejected, // invalid To number
	21214: delivery.Rejected, // To number cannot be reached
	21217: delivery.Rejected, // number does not appear to be valid
	21265: delivery.Rejected, // To is a short code
	21266: delivery.Rejected, // To and From are the same
	21268: delivery.Rejected, // premium rate or information service
	21408: delivery.Rejected, // the destination's region is not enabled
	21608: delivery.Rejected, // trial account, To is not verified
	21610: delivery.Rejected, // opted out
	21612: delivery.Rejected, // this From does not reach this To
	21614: delivery.Rejected, // not a mobile number
	21635: delivery.Rejected, // landline
	21662: delivery.Rejected, // this From does not reach this To from Ireland
	30003: delivery.Rejected, // unreachable handset
	30004: delivery.Rejected, // blocked
	30005: delivery.Rejected, // unknown handset
	30006: delivery.Rejected, // landline or unreachable carrier
	30039: delivery.Rejected, // loop: the number answers by itself
	30450: delivery.Rejected, // SMS pumping protection
	30453: delivery.Rejected, // SMS pumping protection
	63003: delivery.Rejected, // WhatsApp does not know To
	63014: delivery.Rejected, // blocked by the user
	63015: delivery.Rejected, // has not joined the sandbox
	63024: delivery.Rejected, // invalid recipient
	63031: delivery.Rejected, // To and From are the same
	63032: delivery.Rejected, // a limitation of WhatsApp for this user
	63033: delivery.Rejected, // opted out
	63049: delivery.Rejected, // Meta chose not to deliver
	63050: delivery.Rejected, // opted out
	63058: delivery.Rejected, // no messages into this country

	20429: delivery.Throttled, // too many requests
	21611: delivery.Throttled, // From has too many messages in its queue
	30001: delivery.Throttled, // queue overflow
	30022: delivery.Throttled, // A2P 10DLC rate limit
	30023: delivery.Throttled, // A2P 10DLC daily cap
	30027: delivery.Throttled, // T-Mobile's daily limit
	30454: delivery.Throttled, // the account's limit
	63017: delivery.Throttled, // rate limit
	63018: delivery.Throttled, // the channel's rate limit
	63038: delivery.Throttled, // the account's daily limit

	// The account and its credentials.
	20003: delivery.Configuration, // permission denied
	20005: delivery.Configuration, // account not active
	20006: delivery.Configuration, // access denied
	20008: delivery.Configuration, // test credentials
	20010: delivery.Configuration, // action disabled
	20403: delivery.Configuration, // forbidden
	20404: delivery.Configuration, // not found
	21470: delivery.Configuration, // invalid AccountSid
	21471: delivery.Configuration, // account does not exist
	21472: delivery.Configuration, // account not active
	30002: delivery.Configuration, // account suspended
	30037: delivery.Configuration, // outbound messaging disabled

	// The sender and its registrations.
	21212: delivery.Configuration, // invalid From
	21264: delivery.Configuration, // From is not verified
	21267: delivery.Configuration, // alphanumeric From on a trial account
	21601: delivery.Configuration, // From cannot send SMS
	21603: delivery.Configuration, // From is missing
	21606: delivery.Configuration, // From cannot send messages, or is not the account's
	21607: delivery.Configuration, // From has to be the sandbox number
	21616: delivery.Configuration, // From matches several numbers
	21657: delivery.Configuration, // invalid sender ID
	21659: delivery.Configuration, // From is not Twilio's
	21660: delivery.Configuration, // From is another account's
	21661: delivery.Configuration, // From cannot send SMS
	21663: delivery.Configuration, // From's routing
	21668: delivery.Configuration, // From cannot send from Ireland
	21701: delivery.Configuration, // no such Messaging Service
	21702: delivery.Configuration, // Messaging Service not available
	21703: delivery.Configuration, // Messaging Service has no number to send from
	21704: delivery.Configuration, // Messaging Service has no numbers
	21705: delivery.Configuration, // invalid Messaging Service
	21709: delivery.Configuration, // alphanumeric sender not authorized
	21711: delivery.Configuration, // From is not the Messaging Service's
	21910: delivery.Configuration, // From and To are of different channels
	30007: delivery.Configuration, // filtered: sender or content not as registered
	30015: delivery.Configuration, // channel not supported
	30016: delivery.Configuration, // From and To are of different channels
	30018: delivery.Configuration, // sender ID needs registration
	30024: delivery.Configuration, // numeric sender not provisioned
	30032: delivery.Configuration, // toll-free number not verified
	30033: delivery.Configuration, // A2P 10DLC campaign suspended
	30034: delivery.Configuration, // A2P 10DLC number not registered
	30035: delivery.Configuration, // A2P 10DLC number not ready yet
	30040: delivery.Configuration, // sender ID needs registration
	30041: delivery.Configuration, // sender restricted or unregistered
	30042: delivery.Configuration, // sender ID not authorized
	63001: delivery.Configuration, // channel: authentication
	63002: delivery.Configuration, // channel: no such From
	63007: delivery.Configuration, // no channel with this From
	63008: delivery.Configuration, // channel: misconfigured
	63013: delivery.Configuration, // channel: policy violation
	63020: delivery.Configuration, // business manager account
	63022: delivery.Configuration, // invalid vname certificate
	63026: delivery.Configuration, // sender flagged as spam
	63051: delivery.Configuration, // WhatsApp sender locked
	63056: delivery.Configuration, // ineligible account type
	63059: delivery.Configuration, // number moved to another WhatsApp account
	63112: delivery.Configuration, // WhatsApp account disabled
	63120: delivery.Configuration, // business account locked

	// The content, the template and the other parameters.
	21602: delivery.Configuration, // body missing
	21605: delivery.Configuration, // body too long
	21609: delivery.Configuration, // invalid StatusCallback
	21617: delivery.Configuration, // body too long
	21619: delivery.Configuration, // body and template missing
	21624: delivery.Configuration, // invalid validity period
	21654: delivery.Configuration, // ContentSid missing
	21655: delivery.Configuration, // invalid ContentSid
	21656: delivery.Configuration, // invalid ContentVariables
	21658: delivery.Configuration, // parameter too long
	30010: delivery.Configuration, // dearer than the maximum price
	30012: delivery.Configuration, // lifetime too short
	30013: delivery.Configuration, // lifetime too long
	30038: delivery.Configuration, // body of a one-time passcode filtered
	30044: delivery.Configuration, // too long for a trial account
	63005: delivery.Configuration, // channel: content not accepted
	63006: delivery.Configuration, // channel: content not formatted
	63016: delivery.Configuration, // outside of the window: a template is needed
	63021: delivery.Configuration, // channel: invalid content
	63027: delivery.Configuration, // no such template in this language
	63028: delivery.Configuration, // wrong number of variables
	63030: delivery.Configuration, // parameter not supported by the channel
	63040: delivery.Configuration, // template rejected
	63041: delivery.Configuration, // template paused
	63042: delivery.Configuration, // template disabled
	63054: delivery.Configuration, // template not available
	90007: delivery.Configuration, // invalid validity period

	// It may have arrived all the same.
	20504: delivery.Ambiguous, // a time-out inside Twilio
	30046: delivery.Ambiguous, // delivery not confirmed
	30410: delivery.Ambiguous, // the carrier's time-out
}
