/// What stands where JSON of another form was expected, for a message that also names the place.
package struct JSONProblem: Error, Equatable {
    package let found: String
    package let expected: String

    package init(found: String, expected: String) {
        self.found = found
        self.expected = expected
    }
}
