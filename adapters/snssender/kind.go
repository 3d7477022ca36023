package snssender

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"
	"github.com/aws/smithy-go"

	"github.com/passcode-go/passcode/delivery"
)

// kindOf returns what an error of AWS means, its reason, and whether it is an
// error of this API: one of those that SendTextMessage documents.
func kindOf(api smithy.APIError, status int) (kind delivery.Kind, reason string, ours bool) {
	switch e := api.(type) {
	case *types.ThrottlingException:
		return delivery.Throttled, "", true
	case *types.InternalServerException:
		return delivery.Temporary, "", true
	case *types.AccessDeniedException:
		return delivery.Configuration, string(e.Reason), true
	case *types.ResourceNotFoundException:
		return delivery.Configuration, string(e.ResourceType), true
	case *types.ServiceQuotaExceededException:
		return delivery.Configuration, string(e.Reason), true
	case *types.ConflictException:
		return kindOfConflict(e.Reason), string(e.Reason), true
	case *types.ValidationException:
		kind, reason := kindOfValidation(e)
		return kind, reason, true
	}
	return kindOfCode(api.ErrorCode(), status), "", false
}

// kindOfConflict sorts out what depends on where the message goes.
func kindOfConflict(reason types.ConflictExceptionReason) delivery.Kind {
	switch reason {
	case types.ConflictExceptionReasonDestinationPhoneNumberOptedOut,
		types.ConflictExceptionReasonDestinationCountryBlockedByProtectConfiguration,
		types.ConflictExceptionReasonDestinationPhoneNumberBlockedByProtectNumberOverride,
		types.ConflictExceptionReasonNoOriginationIdentitiesFound:
		return delivery.Rejected
	}
	return delivery.Configuration // the sandbox too: DESTINATION_PHONE_NUMBER_NOT_VERIFIED
}

// kindOfValidation sorts out what depends on where the message goes.
func kindOfValidation(e *types.ValidationException) (kind delivery.Kind, reason string) {
	reason = string(e.Reason)
	for _, field := range e.Fields {
		name := aws.ToString(field.Name)
		reason = strings.TrimSpace(reason + " " + name)
		if strings.EqualFold(name, "DestinationPhoneNumber") {
			return delivery.Rejected, reason
		}
	}
	switch e.Reason {
	case types.ValidationExceptionReasonDestinationCountryBlocked,
		types.ValidationExceptionReasonCountryNotEnabled,
		types.ValidationExceptionReasonCountryCodeMismatch,
		types.ValidationExceptionReasonInternationalSendingNotSupported,
		types.ValidationExceptionReasonInvalidIdentityForDestinationCountry,
		types.ValidationExceptionReasonSenderIdNotSupported,
		types.ValidationExceptionReasonSenderIdNotRegistered,
		types.ValidationExceptionReasonSenderIdRequiresRegistration,
		types.ValidationExceptionReasonPriceOverThreshold:
		return delivery.Rejected, reason
	}
	return delivery.Configuration, reason
}

// kindOfCode returns what an error code means that stands before the API: of
// the gateway, of signatures and accounts ("Common Error Types" of the API's
// reference).
func kindOfCode(code string, status int) delivery.Kind {
	if _, ok := retry.DefaultThrottleErrorCodes[code]; ok {
		return delivery.Throttled
	}
	switch code {
	case "ServiceUnavailable", "ServiceUnavailableException", "InternalFailure", "InternalError", "InternalServerError",
		"RequestTimeout", "RequestTimeoutException",
		"RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture": // the SDK now knows the difference of the clocks
		return delivery.Temporary
	}
	switch {
	case status == 429:
		return delivery.Throttled
	case status >= 500:
		return delivery.Temporary
	}
	return delivery.Configuration
}
