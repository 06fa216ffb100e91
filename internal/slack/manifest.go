package slack

import (
	"fmt"
	"net/url"
	"strings"
)

// The scopes that the bot needs: to be asked, and to unfurl links.
const scopes = `oauth_config:
  scopes:
    bot:
      - commands
      - links:read
      - links:write
`

// Manifest is what an app in Slack is made of, to be pasted there. While there is
// no integration yet, which is without its ID, nothing can be verified, and it has
// no addresses.
func Manifest(base, id string) string {
	bot := "features:\n  bot_user:\n    display_name: errata\n    always_online: true\n"
	end := "settings:\n  org_deploy_enabled: false\n  socket_mode_enabled: false\n  token_rotation_enabled: false\n"
	if id != "" {
		at := strings.TrimRight(base, "/") + "/integrations/slack/" + id
		bot += fmt.Sprintf("  slash_commands:\n    - command: /errata\n      url: %s/commands\n      description: What happened to a request?\n      usage_hint: an ID, an error body, or an e-mail\n      should_escape: false\n", at)
		if u, err := url.Parse(base); err == nil && u.Hostname() != "" {
			bot += "  unfurl_domains:\n    - " + u.Hostname() + "\n"
		}
		end = fmt.Sprintf("settings:\n  event_subscriptions:\n    request_url: %s/events\n    bot_events:\n      - link_shared\n", at) + strings.TrimPrefix(end, "settings:\n")
	}
	return "display_information:\n  name: Errata\n  description: What happened to a request\n" + bot + scopes + end
}
