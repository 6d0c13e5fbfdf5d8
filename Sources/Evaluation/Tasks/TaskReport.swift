package import Files

/// What lm-evaluation-harness's results say of a task.
package struct TaskReport {
    /// One figure of a task.
    package struct Row: Equatable {
        package let metric: String
        package let filter: String
        package let value: Double
        /// `nil` where it has none.
        package let standardError: Double?
        package let isHigherBetter: Bool
    }

    package let task: String
    /// `nil` where it has none.
    package let version: JSONValue?
    package let shots: Int
    package let rows: [Row]
    package let documents: Int
    /// Documents of the data, of which `documents` were tried.
    package let originalDocuments: Int
    /// The task's own settings, as they were used.
    package let configuration: JSONValue
}
