package catalog

import "errata/internal/event"

// articles are the texts, by topic.
var articles = map[string]article{
	"auth": {
		"The caller was not recognised", "The request carried no key or token, or one that is not valid.",
		[]string{"The header with the key is missing or has another name than this API expects.", "The key was copied incompletely, or with a space or line break.", "The key or token has expired, or was revoked or deleted.", "The key belongs to another environment."},
		[]string{"Check in the documentation of this API which header carries the key, and in which form; APIs differ.", "Compare the first characters of the key in use with those in the account.", "Create a new key if the old one is gone."},
	},
	"forbidden": {
		"Not allowed", "The caller is known, but may not do this.",
		[]string{"The key lacks a permission or scope for this operation.", "The resource belongs to another workspace, team or account.", "The subscription of the workspace is not active, or the operation is internal."},
		[]string{"Compare the permissions of the key with what the operation needs.", "Check that key and resource belong to the same workspace.", "Check the state of the subscription."},
	},
	"quota": {
		"The allowance is used up", "The account has spent what its plan includes; that is not about speed.",
		[]string{"The plan's requests or credits for the period are used up.", "A spending limit was reached."},
		[]string{"Look at the usage of the account.", "Buy more, raise the limit or the plan, or wait for the next period."},
	},
	"payment": {
		"Payment needed", "The account or the charge was not accepted for payment.",
		[]string{"A payment failed or a card was declined.", "The trial or subscription has ended."},
		[]string{"Check the payment method and open invoices.", "For a declined card, another one or a call to the bank helps."},
	},
	"notfound": {
		"Not found", "What the request names does not exist, or not for this caller.",
		[]string{"An ID, name, version or path is misspelt.", "It was deleted.", "It belongs to another workspace, tenant or environment."},
		[]string{"Check the spelling of path, ID and version.", "List what exists with the same key.", "Check host, subdomain and environment."},
	},
	"gone": {
		"No longer there", "It existed once and has been removed for good.",
		[]string{"The resource was deleted, or the version of the API was retired."},
		[]string{"Use the successor that the documentation names."},
	},
	"validation": {
		"The input was refused", "The request was readable, but a value in it is missing or not acceptable.",
		[]string{"A required field is missing or empty.", "A value has the wrong type or format, or is out of range.", "A value is not one of those allowed."},
		[]string{"Correct the fields that are named, then send the request again.", "Compare the request with the documentation of the endpoint."},
	},
	"malformed": {
		"The request could not be read", "The request, or a parameter of it, does not have the expected form.",
		[]string{"The body is not valid JSON.", "The Content-Type does not match the body.", "A parameter is missing or has the wrong form."},
		[]string{"Check the body with a JSON validator.", "Compare parameters and headers with the documentation of the endpoint."},
	},
	"conflict": {
		"It conflicts with what is there", "The request does not fit the present state of the data.",
		[]string{"The thing already exists, perhaps from an earlier attempt that succeeded.", "Somebody changed it in the meantime.", "An idempotency key was used again with other content."},
		[]string{"Read the present state first, then decide.", "Use another name or ID, or update in place of creating."},
	},
	"precondition": {
		"A condition was not met", "The request was tied to a condition or state that does not hold.",
		[]string{"The resource was changed since it was read.", "Something has to be done first."},
		[]string{"Read the resource again and repeat with its present version.", "Do the missing step first."},
	},
	"toolarge": {
		"Too large", "The request, or something in it, is larger than allowed.",
		[]string{"A file or text is too big.", "Too many items in one request."},
		[]string{"Send it in smaller parts.", "Check the limits of the plan."},
	},
	"context": {
		"The input is too long for the model", "The text with its expected answer exceeds what the model can take in.",
		[]string{"A long document, or a long conversation, is sent whole."},
		[]string{"Shorten or split the input, or ask for a shorter answer.", "Use a model with a larger context."},
	},
	"policy": {
		"Stopped by a content rule", "The content was refused by a safety or content filter.",
		[]string{"The input or the answer touched something that the filter does not allow."},
		[]string{"Rephrase the input; check the provider's content rules."},
	},
	"method": {
		"Wrong method", "The address exists, but not with this HTTP method.",
		[]string{"GET in place of POST, or the like; a redirect can turn one into the other."},
		[]string{"Check method and address in the documentation."},
	},
	"unsupported": {
		"Format not supported", "The format of the request, or of the wanted answer, is not supported.",
		[]string{"The Content-Type or Accept header is missing or wrong.", "A file type is not supported."},
		[]string{"Send the format that the documentation names, mostly application/json."},
	},
	"rate": {
		"Too many requests", "The caller sent more requests in a short time than its limit allows.",
		[]string{"A loop, a batch job, or retries without a pause.", "Several programs share one key.", "The limit of the plan is lower than the need."},
		[]string{"Wait as long as the answer says, then go on more slowly.", "Retry with growing, slightly random pauses.", "Queue, batch or cache requests.", "Ask for a higher limit if this is the normal load."},
	},
	"internal": {
		"Something broke on our side", "The service failed in a way that it was not prepared for. The request need not be wrong.",
		[]string{"A fault in the program, often since its last release.", "A database, storage or other part that it needs has failed."},
		[]string{"Retry once after a short delay, if repeating does no harm.", "If it comes again, hand the request ID to engineering; the root cause below is where to begin."},
	},
	"database": {
		"Our data store failed", "The service could not read or write its data.",
		[]string{"The database is overloaded, restarting, or out of connections.", "A query took too long or ran into a lock."},
		[]string{"Retry after a short delay.", "If it goes on, tell engineering: this affects more than one request."},
	},
	"notimplemented": {
		"Not available", "The service does not offer this operation.",
		[]string{"The operation, or an option of it, is not implemented in this version."},
		[]string{"Check the documentation for what this version can do."},
	},
	"unavailable": {
		"Not available for the moment", "The service is overloaded, restarting, or under maintenance.",
		[]string{"A peak of load.", "A release or maintenance.", "Something that it depends on is down."},
		[]string{"Wait a little, then retry with growing pauses.", "Check the status page or ask whether an incident is open."},
	},
	"provider": {
		"A provider behind us failed", "Our service asked another one to do part of the work, and that one failed or refused.",
		[]string{"The provider is down or overloaded.", "Our account with the provider reached its limit.", "The key for the provider, ours or one that the customer set, is not valid."},
		[]string{"Retry with growing pauses.", "Check the provider's status page.", "If a key for the provider was set in the account, check it."},
	},
	"timeout": {
		"It took too long", "No answer was ready within the time that was allowed.",
		[]string{"A very large or complex request.", "A slow service or provider behind it.", "The time limit is shorter than the work needs."},
		[]string{"Make the request smaller or simpler.", "Raise the client's time limit where that is possible.", "Retry with growing pauses; check first whether the work was done after all."},
	},
	"canceled": {
		"The caller hung up", "The client ended the connection before the answer was ready.",
		[]string{"The time limit of the client is shorter than the work needs.", "A user left the page."},
		[]string{"Raise the client's time limit if this comes often."},
	},
	"legal": {
		"Not available for legal reasons", "The content may not be delivered to this place or account.",
		[]string{"A legal or regional restriction."},
		[]string{"Ask the account's contact."},
	},
	"network": {
		"The connection failed", "Two services, or the caller and the service, could not talk to each other.",
		[]string{"The other side is down or unreachable.", "A name, certificate or proxy is wrong."},
		[]string{"Retry with growing pauses.", "If it goes on, check name, certificate and network between the two."},
	},
	"data": {
		"Data was lost or damaged", "The service found data that it cannot read or that is gone.",
		[]string{"A write was interrupted.", "Stored data is damaged."},
		[]string{"Do not retry; hand the request ID to engineering."},
	},
}

// families are the last resort.
var families = map[event.Family]article{
	event.FamilyCaller: {
		"The request was refused", "The service understood who was asking, or did not get that far, and refused the request as it is.",
		[]string{"Something in the request is missing, misspelt or not allowed."},
		[]string{"Read the message below; change the request before sending it again."},
	},
	event.FamilyLimits: articles["rate"], event.FamilyUpstream: articles["provider"], event.FamilyUs: articles["internal"],
}
