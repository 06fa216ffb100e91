package catalog

import "strings"

// statuses are the topics of HTTP statuses.
var statuses = map[int]string{
	400: "malformed", 401: "auth", 402: "payment", 403: "forbidden", 404: "notfound", 405: "method", 406: "unsupported", 407: "auth",
	408: "timeout", 409: "conflict", 410: "gone", 411: "malformed", 412: "precondition", 413: "toolarge", 414: "toolarge", 415: "unsupported",
	416: "validation", 417: "malformed", 421: "malformed", 422: "validation", 423: "conflict", 424: "precondition", 425: "precondition",
	426: "unsupported", 428: "precondition", 429: "rate", 431: "toolarge", 451: "legal", 499: "canceled",
	500: "internal", 501: "notimplemented", 502: "provider", 503: "unavailable", 504: "timeout", 505: "notimplemented", 507: "unavailable",
	508: "internal", 511: "auth", 520: "network", 521: "network", 522: "timeout", 523: "network", 524: "timeout", 525: "network", 526: "network",
	529: "unavailable",
}

// codes are the topics of canonical codes, as common APIs spell them.
var codes = index(map[string]string{
	"auth": `unauthorized unauthenticated authentication_error authentication_failed authentication_required invalid_api_key
		missing_api_key api_key_invalid api_key_expired api_key_revoked invalid_token token_expired expired_token token_revoked
		invalid_access_token access_token_expired invalid_access_key_id signature_does_not_match invalid_client invalid_grant
		invalid_credentials bad_credentials missing_authorization invalid_authentication_token_format session_expired jwt_expired
		incorrect_api_key login_required not_authenticated invalid_signature invalid_authentication`,
	"forbidden": `forbidden permission_denied permission_error access_denied insufficient_permissions insufficient_scope
		not_authorized authorization_failed account_disabled account_suspended account_inactive subscription_inactive
		unsupported_country_region_territory ip_not_allowed csrf_failed insufficient_privileges organization_restricted
		access_not_configured origin_not_allowed`,
	"quota": `quota_exceeded insufficient_quota quota_exhausted daily_limit_exceeded monthly_limit_exceeded usage_limit_reached
		insufficient_credits out_of_credits credit_balance_too_low user_quota_exceeded plan_limit_exceeded request_quota_exceeded
		billing_hard_limit_reached limit_reached`,
	"payment": `payment_required card_declined insufficient_funds expired_card card_error billing_not_active payment_failed
		billing_error incorrect_cvc processing_error authentication_required_payment`,
	"notfound": `not_found resource_not_found resource_missing session_not_found no_such_key no_such_bucket no_such_entity
		model_not_found route_not_found unknown_resource object_not_found does_not_exist missing_resource not_found_error`,
	"gone": `gone deleted expired resource_gone version_retired deprecated`,
	"validation": `validation_error validation_failed validation_exception invalid_parameters invalid_parameter invalid_argument
		invalid_input unprocessable_entity unprocessable invalid_value invalid_field missing_field missing_required_parameter
		parameter_missing parameter_invalid out_of_range invalid_parameter_value argument_error type_error constraint_violation
		invalid_param schema_violation bad_user_input missing_parameter required_field_missing request_validation_error`,
	"malformed": `bad_request invalid_request invalid_request_error malformed_request invalid_json json_parse_error parse_error
		syntax_error malformed_json invalid_body missing_body unsupported_version invalid_uri graphql_parse_failed
		graphql_validation_failed invalid_content`,
	"conflict": `conflict already_exists resource_already_exists duplicate duplicate_resource duplicate_key aborted idempotency_error
		idempotency_key_in_use idempotency_key_reused lock_timeout edit_conflict concurrent_modification resource_conflict
		unique_violation version_conflict in_use optimistic_lock_error entity_already_exists`,
	"precondition": `precondition_failed failed_precondition precondition_required condition_not_met invalid_state not_ready
		conditional_check_failed_exception failed_dependency too_early operation_not_allowed`,
	"toolarge": `payload_too_large request_too_large entity_too_large file_too_large content_too_large uri_too_long message_too_large
		batch_too_large too_many_items body_too_large request_entity_too_large`,
	"context":     `context_length_exceeded context_overflow max_tokens_exceeded string_above_max_length prompt_too_long context_window_exceeded`,
	"policy":      `content_filter content_policy_violation content_filtered safety_violation moderation_blocked responsible_ai_policy_violation`,
	"method":      `method_not_allowed unsupported_method`,
	"unsupported": `unsupported_media_type not_acceptable invalid_content_type unsupported_format unsupported_file_type`,
	"rate": `rate_limit_exceeded rate_limited rate_limit rate_limit_error rate_limit_reached ratelimited too_many_requests
		throttled throttling throttling_exception request_limit_exceeded resource_exhausted slow_down user_rate_limit_exceeded
		tokens_exceeded requests_exceeded too_many_requests_exception provisioned_throughput_exceeded_exception
		request_throttled concurrency_limit_exceeded limit_exceeded rate_exceeded call_limit_exceeded`,
	"internal": `internal_error internal_server_error internal server_error api_error unexpected_error unhandled_exception error
		fatal_error panic exception runtime_error null_pointer_exception assertion_error service_error internal_failure
		internal_service_error unknown_error`,
	"database":       `database_error db_error db_pool_exhausted connection_pool_exhausted deadlock deadlock_detected query_timeout storage_error sql_exception`,
	"notimplemented": `not_implemented unimplemented unsupported_operation http_version_not_supported feature_not_available`,
	"unavailable": `service_unavailable unavailable overloaded overloaded_error maintenance maintenance_mode temporarily_unavailable
		server_busy engine_overloaded capacity_exceeded temporary_reduced_capacity model_overloaded circuit_open backend_error
		service_overloaded`,
	"provider": `provider_error upstream_error bad_gateway llm_error upstream_failure dependency_failed external_service_error
		third_party_error provider_unavailable upstream_unavailable integration_error`,
	"timeout": `timeout gateway_timeout request_timeout timeout_error deadline_exceeded upstream_timeout provider_timeout timed_out
		read_timeout connect_timeout execution_timeout function_invocation_timeout operation_timeout`,
	"canceled": `canceled cancelled client_closed_request context_canceled request_aborted aborted_by_client`,
	"network":  `connection_error connection_refused connection_reset network_error dns_error host_unreachable ssl_error tls_error econnrefused econnreset enotfound`,
	"data":     `data_loss data_corruption checksum_mismatch`,
})

func index(lists map[string]string) map[string]string {
	out := map[string]string{}
	for topic, list := range lists {
		for code := range strings.FieldsSeq(list) {
			out[code] = topic
		}
	}
	return out
}

// patterns are tried in order for codes that are not listed.
var patterns = []pattern{
	{suffix: "_not_found", topic: "notfound"}, {suffix: "_missing", topic: "validation"}, {suffix: "_does_not_exist", topic: "notfound"},
	{prefix: "no_such_", topic: "notfound"}, {suffix: "_already_exists", topic: "conflict"}, {prefix: "duplicate_", topic: "conflict"},
	{suffix: "_conflict", topic: "conflict"}, {suffix: "_quota_exceeded", topic: "quota"}, {suffix: "_rate_limit_exceeded", topic: "rate"},
	{prefix: "rate_limit_", topic: "rate"}, {suffix: "_too_large", topic: "toolarge"}, {suffix: "_too_long", topic: "validation"},
	{suffix: "_timeout", topic: "timeout"}, {suffix: "_timed_out", topic: "timeout"}, {suffix: "_unavailable", topic: "unavailable"},
	{suffix: "_expired", topic: "gone"}, {prefix: "unsupported_", topic: "validation"}, {prefix: "missing_", topic: "validation"},
	{prefix: "invalid_", topic: "validation"}, {suffix: "_invalid", topic: "validation"}, {suffix: "_required", topic: "validation"},
	{prefix: "unauthorized_", topic: "auth"}, {prefix: "forbidden_", topic: "forbidden"}, {suffix: "_denied", topic: "forbidden"},
}
