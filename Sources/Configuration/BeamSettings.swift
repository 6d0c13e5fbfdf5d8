/// How several beginnings of a text are followed at once.
package struct BeamSettings: Sendable, Equatable {
    /// When the search ends before its texts are as long as they may be.
    package enum EarlyStopping: Sendable, Equatable {
        /// As soon as there are as many finished texts as beams.
        case always
        /// When no beam, at its length so far, is better than the worst finished text.
        case guess
        /// When no beam can become better at any length.
        case never
    }

    /// Beginnings that are kept (`num_beams`).
    package var count: Int
    /// The power of its length that a text's log-probability is divided by.
    package var lengthPenalty = 1.0
    package var earlyStopping = EarlyStopping.guess

    package init(count: Int) { self.count = count }
}
