package event

import "strings"

// vague are types of errors and exceptions that say nothing but that something
// failed. A type is vague when any failure at all may have it: because it is
// what a language makes of a mere message (Go's errors.New, Ruby's raise), the
// root that everything inherits from, or a wrapper around what really happened.
// One that narrows the cause down, be it a little (IllegalStateException,
// TypeError), is not. The list is short on purpose: what is missing costs a
// code that helps nobody, what is here wrongly costs one that did.
var vague = map[string]bool{
	// Go, and github.com/pkg/errors, whose package has the same name.
	"errors.errorString": true, "errors.joinError": true, "fmt.wrapError": true, "fmt.wrapErrors": true,
	"errors.fundamental": true, "errors.withStack": true, "errors.withMessage": true,
	// Java and what else runs there.
	"java.lang.Throwable": true, "java.lang.Exception": true, "java.lang.RuntimeException": true, "java.lang.Error": true,
	"java.util.concurrent.ExecutionException": true, "java.util.concurrent.CompletionException": true,
	"java.lang.reflect.InvocationTargetException": true,
	// .NET.
	"System.Exception": true, "System.ApplicationException": true, "System.SystemException": true, "System.AggregateException": true,
	// Python, Ruby, PHP, JavaScript and Elixir.
	"Exception": true, "BaseException": true, "ExceptionGroup": true, "BaseExceptionGroup": true, "StandardError": true,
	"RuntimeError": true, "RuntimeException": true, "Error": true, "AggregateError": true, "Elixir.RuntimeError": true,
	// C++.
	"std::exception": true, "std::runtime_error": true,
}

// Vague reports the name of a type of errors that tells nobody anything. It
// makes no code where there is a status to make one of.
func Vague(errorType string) bool {
	return vague[strings.TrimLeft(strings.TrimSpace(errorType), `*&\`)]
}

// FallbackCode is CanonicalCode for what stands in where nobody said a code:
// the type of an error.
func FallbackCode(raw string, status int) string {
	if status > 0 && Vague(raw) {
		raw = ""
	}
	return CanonicalCode(raw, status)
}
