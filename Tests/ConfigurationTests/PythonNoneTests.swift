import Configuration
import Testing

@Suite struct PythonNoneTests {
    @Test func pythonsWordForNoValueIsNullAndTold() {
        var values: [String: ConfigurationValue] = [
            "resume_from_checkpoint": ConfigurationValue(.string("None")),
            "max_samples": ConfigurationValue(.string("None")),
            "report_to": ConfigurationValue(.string("none")),
            "run_name": ConfigurationValue(.string("None of them")),
        ]
        let lines = PythonNone.replace(in: &values)
        #expect(
            lines == [
                "max_samples, resume_from_checkpoint: None is read as null, which is YAML's word for "
                    + "it"
            ])
        #expect(values["max_samples"]?.content == .null)
        #expect(values["resume_from_checkpoint"]?.content == .null)
        #expect(values["report_to"]?.content == .string("none"))
        #expect(values["run_name"]?.content == .string("None of them"))
        #expect(PythonNone.replace(in: &values).isEmpty)
    }
}
