/// Counts of durations in microseconds, each power of two divided into eight: percentiles are at most 1/8 too high.
struct LatencyHistogram: Equatable {
    private var counts = [Int](repeating: 0, count: 8 * 62)
    private(set) var count = 0
    private var maxUs: UInt64 = 0

    var max: Duration { .microseconds(maxUs) }

    mutating func record(_ duration: Duration) {
        let us = UInt64(Swift.max(0, duration / .microseconds(1)))
        counts[Self.bucket(of: us)] += 1
        count += 1
        maxUs = Swift.max(maxUs, us)
    }

    /// A duration which this part of all, 0 to 1, did not exceed; zero while there are none.
    func percentile(_ part: Double) -> Duration {
        var missing = Int((part * Double(count)).rounded(.up))
        for (bucket, count) in counts.enumerated() where count > 0 {
            missing -= count
            if missing <= 0 { return .microseconds(min(Self.last(of: bucket), maxUs)) }
        }
        return max
    }

    /// Below 8 each value is its own bucket; above, the three bits after the leading one choose.
    private static func bucket(of us: UInt64) -> Int {
        guard us >= 8 else { return Int(us) }
        let shift = 60 - us.leadingZeroBitCount
        return 8 * shift + Int(us >> UInt64(shift))
    }

    private static func last(of bucket: Int) -> UInt64 {
        guard bucket >= 8 else { return UInt64(bucket) }
        let shift = UInt64(bucket / 8 - 1)
        return (UInt64(bucket % 8 + 8) << shift) + (1 << shift) - 1
    }
}
