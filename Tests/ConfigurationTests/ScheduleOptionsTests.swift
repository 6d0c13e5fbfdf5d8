import Configuration
import Optimizers
import Testing

/// Options of `reduce_lr_on_plateau` in lr_scheduler_kwargs.
@Suite struct ScheduleOptionsTests {
    @Test(arguments: [
        ("factor", ConfigurationValue.Content.double(1)), ("patience", .int(-1)),
        ("cooldown", .double(0.5)), ("min_lr", .double(-1)), ("mode", .string("low")),
        ("threshold_mode", .string("absolute")), ("eps", .string("x")), ("verbose", .bool(true)),
    ])
    func optionsOutOfRangeAreRefused(_ name: String, _ content: ConfigurationValue.Content) {
        #expect(throws: ConfigurationError.self) {
            try ScheduleOptions(
                [name: ConfigurationValue(content)], for: .reduceLROnPlateau, learningRate: 1,
                place: .unknown)
        }
    }
}
