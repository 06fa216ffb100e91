// Command api serves the JSON API and the web pages. It needs a database
// (ERRATA_DATABASE_URL).
package main

import "errata/internal/app"

func main() { app.Main("api", "Serves the JSON API and the web pages.", app.API) }
