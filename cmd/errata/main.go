// Command errata is the whole product in one program: all roles in one
// process, and the operator's verbs.
package main

import "errata/internal/app"

func main() { app.CLI() }
