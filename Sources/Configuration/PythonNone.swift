/// Python's word for no value, which YAML reads as a text: `resume_from_checkpoint: None`.
package enum PythonNone {
    /// Puts YAML's null in the place of each `None`.
    ///
    /// - Returns: a line for the user that names the keys; none where there is no `None`.
    package static func replace(in values: inout [String: ConfigurationValue]) -> [String] {
        let keys = values.filter { $0.value.content == .string("None") }.keys.sorted()
        guard !keys.isEmpty else { return [] }
        for key in keys {
            values[key] = ConfigurationValue(.null, place: values[key]?.place ?? .unknown)
        }
        return [
            "\(keys.joined(separator: ", ")): None is read as null, which is YAML's word for it"
        ]
    }
}
