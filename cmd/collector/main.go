// Command collector takes failures in: POST /v1/errors, OTLP over HTTP and
// gRPC. It needs a database (ERRATA_DATABASE_URL).
package main

import "errata/internal/app"

func main() {
	app.Main("collector", "Takes failures in: POST /v1/errors, OTLP over HTTP and gRPC.", app.Collector)
}
