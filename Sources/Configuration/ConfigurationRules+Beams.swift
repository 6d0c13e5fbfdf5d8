/// The beams of a search for texts, which three keys may name.
extension ConfigurationRules {
    private static let names = ["num_beams", "eval_num_beams", "generation_num_beams"]

    /// Makes `num_beams` what any of the keys says.
    static func resolveBeams(
        _ settings: inout ConfigurationSettings
    ) throws(ConfigurationError) {
        let given = names.filter(settings.isGiven)
        let counts = given.compactMap(settings.optionalInteger)
        guard let count = counts.first else { return }
        if counts.contains(where: { $0 != count }) {
            throw .contradiction(
                keys: given, reason: "a run has one number of beams; keep one of the keys",
                place: settings.place(given[0]))
        }
        settings.resolve("num_beams", .integer(count))
    }

    /// Several beams are searched, not drawn from.
    static func checkBeams(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        let draws = settings.boolean("do_sample") && settings.number("temperature") > 0
        // A run without predictions needs none, and a model may say itself that chat draws nothing.
        let isTold =
            settings.command == .train
            ? settings.boolean("predict_with_generate") : settings.isGiven("do_sample")
        guard settings.integer("num_beams") > 1, draws, isTold else { return }
        throw .contradiction(
            keys: [names.first(where: settings.isGiven) ?? names[0], "do_sample"],
            reason: "drawing among beams is not supported; set do_sample: false, or one beam",
            place: settings.place(names.first(where: settings.isGiven) ?? names[0]))
    }

    static func noteBeams(_ settings: inout ConfigurationSettings) {
        guard settings.isChanged("length_penalty"), settings.integer("num_beams") == 1,
            settings.command == .train
        else { return }
        settings.note("length_penalty: not used, since num_beams is 1")
    }
}
