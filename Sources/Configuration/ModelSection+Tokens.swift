extension ModelSection {
    /// Tokens that come with descriptions are special ones, in the order of their file, which their ids
    /// have; as in LLaMA-Factory they win over add_special_tokens.
    static func resolveTokens(
        _ settings: inout ConfigurationSettings
    ) throws(ConfigurationError) {
        let key = "new_special_tokens_config"
        let descriptions = settings.map(key)
        let start = settings.text("init_special_tokens")
        guard !descriptions.isEmpty else {
            if start != "noise_init" {
                settings.note(
                    "init_special_tokens: \(start) is for tokens of new_special_tokens_config; "
                        + "rows of new tokens begin as with noise_init")
            }
            return
        }
        let places = descriptions.sorted {
            ($0.value.place.rank, $0.key) < ($1.value.place.rank, $1.key)
        }
        for (token, value) in places {
            switch value.content {
            case .string, .int, .double, .bool: continue
            case .null, .list, .map:
                throw .wrongType(
                    key: key, found: value.found, expected: "a text that describes \(token)",
                    place: value.place)
            }
        }
        var tokens = places.map(\.key)
        let given = settings.list("add_special_tokens")
        if Set(given) == Set(tokens) {
            // What is read back, from a text that has lost the file's lines.
            tokens = given
        } else if Set(places.map(\.value.place.rank)).count < places.count {
            throw .outOfRange(
                key: key, found: "several tokens on a line",
                expected: "a token and its description on each line, in the order of the ids",
                place: settings.place(key))
        } else if !given.isEmpty {
            settings.note(
                "add_special_tokens: not used, since new_special_tokens_config names the tokens")
        }
        if start == "noise_init" {
            settings.note(
                "new_special_tokens_config: the descriptions are not used, since "
                    + "init_special_tokens is noise_init; set desc_init")
        }
        settings.resolve("add_special_tokens", .list(tokens))
    }
}
