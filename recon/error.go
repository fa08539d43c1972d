package recon

import (
	"errors"
	"fmt"
)

// Code says what kind of thing went wrong, for those who must act on it.
type Code string

// The codes. Everything that is not an Error is Internal.
const (
	Invalid     Code = "invalid"     // the input or the recipe is wrong; the message says what about what
	NotFound    Code = "not_found"   // no such thing
	Conflict    Code = "conflict"    // the state does not allow it
	Canceled    Code = "canceled"    // somebody asked for it to stop
	Unavailable Code = "unavailable" // a resource is missing for now
	Busy        Code = "busy"        // as much is waiting as may wait
	Internal    Code = "internal"    // a defect of ours
)

// Error is an error whose message may be shown to a user: a plain sentence without patient data.
type Error struct {
	Code    Code
	Message string
	Cause   error // for the log; never shown
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf returns an Error with a formatted message.
func Errorf(code Code, format string, args ...any) error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: wrapped.Error(), Cause: errors.Unwrap(wrapped)}
}

// CodeOf returns the code of the first Error in err's chain, Internal when there is none, and "" for nil.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	default:
		return Internal
	}
}
