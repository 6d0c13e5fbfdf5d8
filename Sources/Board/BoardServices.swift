package import Files
package import Serving

/// What the board has the program's other parts do.
package struct BoardServices: Sendable {
    /// What a page is told of a request that cannot be answered.
    package typealias Problem = ServerProblem

    /// What checking settings told.
    package struct Check: Sendable, Equatable {
        /// The first mistake, in one line; `nil` where there is none.
        package var problem: String?
        /// Settings that change nothing, and why.
        package var notices: [String]

        package init(problem: String?, notices: [String]) {
            self.problem = problem
            self.notices = notices
        }
    }

    /// A part of a rendered row, and whether it is learned.
    package struct Piece: Sendable, Equatable {
        package let text: String
        package let isLearned: Bool

        package init(text: String, isLearned: Bool) {
            self.text = text
            self.isLearned = isLearned
        }
    }

    /// What the model is given at once.
    package struct Sample: Sendable, Equatable {
        /// What it is of its row, by a word of the page; `nil` where there is nothing to tell apart.
        package let title: String?
        package let pieces: [Piece]

        package init(title: String? = nil, pieces: [Piece]) {
            self.title = title
            self.pieces = pieces
        }
    }

    package let version: String
    /// Keys that a configuration may have.
    package let keys: [String]
    /// Reads a map of keys.
    package let readYAML: @Sendable (_ text: String) throws(Problem) -> JSONValue
    /// Checks settings as a command would, files included; nothing is written.
    package let check: @Sendable (_ yaml: String, _ command: String) -> Check
    /// The first rows of the settings' data as the model is given them.
    package let preview: @Sendable (_ yaml: String, _ count: Int) throws(Problem) -> [Sample]
    /// Makes the model of some settings the one that answers; gives lines for the user.
    package let load: @Sendable (_ yaml: String) throws(Problem) -> [String]
    package let unload: @Sendable () -> Void
    /// The model that answers; `nil` for none.
    package let loaded: @Sendable () -> String?

    package init(
        version: String, keys: [String],
        readYAML: @escaping @Sendable (String) throws(Problem) -> JSONValue,
        check: @escaping @Sendable (String, String) -> Check,
        preview: @escaping @Sendable (String, Int) throws(Problem) -> [Sample],
        load: @escaping @Sendable (String) throws(Problem) -> [String],
        unload: @escaping @Sendable () -> Void, loaded: @escaping @Sendable () -> String?
    ) {
        self.version = version
        self.keys = keys
        self.readYAML = readYAML
        self.check = check
        self.preview = preview
        self.load = load
        self.unload = unload
        self.loaded = loaded
    }
}
