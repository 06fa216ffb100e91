package dialect

// dialects is every shape that Read knows, most particular first: the first
// match reads the body. The last one takes everything.
var dialects = []struct {
	name  string
	match func(*input) bool
	read  func(*input, *Reading)
}{
	{"graphql", isGraphQL, readGraphQL},
	{"jsonapi", isJSONAPI, readJSONAPI},
	{"google", isGoogle, readGoogle},
	{"anthropic", isAnthropic, readAnthropic},
	{"stripe", isStripe, readVendor},
	{"openai", isOpenAI, readVendor},
	{"aws", isAWS, readAWS},
	{"aspnet", isASPNet, readProblem},
	{"spring", isSpring, readSpring},
	{"problem", isProblem, readProblem},
	{"nested", isNested, readNested},
	{"twirp", isTwirp, readTwirp},
	{"connect", isConnect, readConnect},
	{"grpc_gateway", isGateway, readGateway},
	{"fastapi", isFastAPI, readFastAPI},
	{"laravel", isLaravel, readValidation},
	{"rails", isRails, readValidation},
	{"flat", isFlat, readFlat},
	{"rails", isBareFields, readBareFields},
	{"unknown", func(*input) bool { return true }, readUnknown},
}
