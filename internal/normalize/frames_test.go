package normalize

import (
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// stacks are traces as runtimes write them, and their own frames, innermost
// first.
var stacks = map[string]struct {
	stack string
	own   []string
}{
	"Go": {`goroutine 71 [running]:
runtime/debug.Stack()
	/usr/local/go/src/runtime/debug/stack.go:26 +0x5e
panic({0x8f3a40?, 0xc00031e0c0?})
	/usr/local/go/src/runtime/panic.go:785 +0x132
example.com/shop/billing.(*Ledger).charge(0xc0001a2000, {0xc00031e0c0, 0x7})
	/home/ci/build-812/billing/ledger.go:83 +0x1d4
example.com/shop/billing.(*Ledger).Charge.func1({0x1, 0x2})
	/home/ci/build-812/billing/ledger.go:40 +0x65
github.com/gin-gonic/gin.(*Context).Next(...)
	/root/go/pkg/mod/github.com/gin-gonic/gin@v1.11.0/context.go:192
created by net/http.(*Server).Serve in goroutine 1
	/usr/local/go/src/net/http/server.go:3360 +0x485`,
		[]string{"example.com/shop/billing.(*Ledger).charge", "example.com/shop/billing.(*Ledger).Charge.func"}},
	"Go, trimmed paths": {`goroutine 71 [running]:
panic({0x8f3a40?, 0xc00031e0c0?})
	runtime/panic.go:785 +0x132
shop/billing.charge(0xc0001a2000)
	shop/billing/ledger.go:83 +0x1d4
net/http.HandlerFunc.ServeHTTP(0x0?, {0x1?, 0x2?}, 0x0?)
	net/http/server.go:2220 +0x29
google.golang.org/grpc.(*Server).processUnaryRPC(0xc0)
	google.golang.org/grpc@v1.79.0/server.go:1400 +0x29`, []string{"shop/billing.charge"}},
	"Java": {`java.lang.IllegalStateException: no account 42
	at java.base/java.util.Optional.orElseThrow(Optional.java:403)
	at app//com.example.billing.Ledger.lambda$charge$0(Ledger.java:83)
	at com.example.billing.Ledger$$EnhancerBySpringCGLIB$$7f3a91bc.charge(<generated>)
	at com.example.billing.Api$$Lambda$314/0x0000000800c03000.apply(Unknown Source)
	at com.example.billing.Main.run(Main.kt:12) ~[billing.jar:1.2.3]
	at jdk.internal.reflect.GeneratedMethodAccessor71.invoke(Unknown Source)
	at org.springframework.web.method.support.InvocableHandlerMethod.doInvoke(InvocableHandlerMethod.java:190)
	... 37 more`, []string{"com.example.billing.Ledger.lambda$charge$", "com.example.billing.Ledger.charge", "com.example.billing.Api.apply", "com.example.billing.Main.run"}},
	"Python": {`Traceback (most recent call last):
  File "/usr/lib/python3.12/site-packages/flask/app.py", line 882, in full_dispatch_request
    rv = self.dispatch_request()
  File "/app/billing/api.py", line 31, in charge
    ledger.charge(amount)
  File "<frozen importlib._bootstrap>", line 1, in _gcd_import
  File "/app/billing/ledger.py", line 83, in charge
    raise NoAccount("no account 42")
billing.NoAccount: no account 42`, []string{"/app/billing/ledger.py in charge", "/app/billing/api.py in charge"}},
	"Node": {`NoAccount: no account 42
    at Ledger.charge (/app/dist/ledger.js:83:11)
    at async /app/dist/api.js:31:5
    at async Promise.all (index 0)
    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)
    at new Router (/app/node_modules/express/lib/router/index.js:42:3)`, []string{"Ledger.charge /app/dist/ledger.js", "/app/dist/api.js"}},
	"Chromium": {`TypeError: x is undefined
    at charge (https://cdn1.example.com/assets/main-3f2a1b9c77.js:1:8812)
    at HTMLButtonElement.<anonymous> (https://cdn1.example.com/assets/main-3f2a1b9c77.js:1:91)`, []string{"charge /assets/main.js", "HTMLButtonElement.<anonymous> /assets/main.js"}},
	"Firefox": {"charge@https://cdn1.example.com/assets/main.3f2a1b9c77.js?v=8:1:8812\n@https://cdn1.example.com/assets/main.3f2a1b9c77.js:1:91\n", []string{"charge /assets/main.js", "/assets/main.js"}},
	".NET": {`Shop.NoAccountException: no account 42
   at Shop.Billing.Ledger.Charge(Decimal amount, String to) in /src/Billing/Ledger.cs:line 83
   at Shop.Billing.Api.<Post>d__7.MoveNext()
--- End of stack trace from previous location ---
   at System.Runtime.CompilerServices.TaskAwaiter.ThrowForNonSuccess(Task task)
   at Microsoft.AspNetCore.Mvc.Infrastructure.ActionMethodExecutor.Execute(Object controller)`, []string{"Shop.Billing.Ledger.Charge", "Shop.Billing.Api.<Post>d__.MoveNext"}},
	"Ruby":           {"app/billing/ledger.rb:83:in `charge'\n/usr/lib/ruby/gems/3.3.0/gems/rack-3.1/lib/rack.rb:12:in `call'", []string{"app/billing/ledger.rb::in `charge'"}},
	"PHP":            {"#0 /app/src/Ledger.php(83): Shop\\Ledger->charge(42)\n#1 /app/vendor/symfony/Kernel.php(12): handle()", []string{"# /app/src/Ledger.php(): Shop\\Ledger->charge()"}},
	"libraries only": {"E\n\tat java.util.A.b(A.java:1)\n\tat java.util.A.c(A.java:1)", []string{"java.util.A.b", "java.util.A.c"}},
	"no trace":       {"something@example.com failed: see main.go:12 for why\nat last\n", nil},
	"nothing":        {"", nil},
}

func TestFrames(t *testing.T) {
	for name, c := range stacks {
		assert.Equal(t, c.own, frames(c.stack), name)
	}
}

// Another line, address, build or thread is the same failure.
func TestFramesOutliveBuilds(t *testing.T) {
	numbers := regexp.MustCompile(`[0-9]+([:)}?\s]|$)|0x[0-9a-f]+|\b[0-9a-f]{8,}\b|line [0-9]+|goroutine [0-9]+`)
	for name, c := range stacks {
		for range 20 {
			other := numbers.ReplaceAllStringFunc(c.stack, func(s string) string {
				return strings.Map(func(r rune) rune {
					if r >= '0' && r <= '9' {
						return rune('0' + rand.IntN(10))
					}
					return r
				}, s)
			})
			assert.Equal(t, c.own, frames(other), "%s\n%s", name, other)
		}
	}
}

func FuzzFrames(f *testing.F) {
	for _, c := range stacks {
		f.Add(c.stack)
	}
	f.Fuzz(func(t *testing.T, stack string) {
		got := frames(cleanText(stack))
		if len(got) > topFrames {
			t.Fatal(strconv.Itoa(len(got)) + " frames")
		}
		for _, name := range got {
			if name == "" || len(name) > lineLength || strings.ContainsAny(name, "0123456789\n") {
				t.Fatalf("%q", name)
			}
		}
	})
}
