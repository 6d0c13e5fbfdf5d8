/// What a column of times counts; the raw value is how many make a second.
package enum TimeUnit: Int64 {
    case seconds = 1
    case milliseconds = 1_000
    case microseconds = 1_000_000
    case nanoseconds = 1_000_000_000
}
