import Testing

@testable import Telemetry

@Suite("Figures in Prometheus' text format")
struct ExpositionTests {
    private let registry = PrometheusRegistry()
    private var instruments: Instruments { Instruments(registry) }

    @Test("A counter, a gauge and a histogram")
    func golden() async {
        let instruments = instruments
        instruments.counter(.graces).count(3)
        instruments.counter(.heartbeats, "renewed", "http").count()
        instruments.counter(.heartbeats, "gone", "socket").count(0)
        let redis = instruments.histogram(.redisRoundTrip, "10.0.0.1:6379")
        redis.record(nanoseconds: 100_000)
        redis.record(nanoseconds: 100_001)
        redis.record(milliseconds: 2_000)
        instruments.whenAsked { [Reading(.settlementOverdue, is: 1.5), Reading(.users, "Online", is: 2)] }
        await instruments.readStates()
        #expect(
            registry.text() == """
                # HELP presence_heartbeats_total \(Metric.heartbeats.help)
                # TYPE presence_heartbeats_total counter
                presence_heartbeats_total{outcome="gone",via="socket"} 0
                presence_heartbeats_total{outcome="renewed",via="http"} 1
                # HELP presence_users \(Metric.users.help)
                # TYPE presence_users gauge
                presence_users{status="Online"} 2
                # HELP presence_settlement_overdue_seconds \(Metric.settlementOverdue.help)
                # TYPE presence_settlement_overdue_seconds gauge
                presence_settlement_overdue_seconds 1.5
                # HELP presence_graces_total \(Metric.graces.help)
                # TYPE presence_graces_total counter
                presence_graces_total 3
                # HELP presence_redis_round_trip_seconds \(Metric.redisRoundTrip.help)
                # TYPE presence_redis_round_trip_seconds histogram
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.0001"} 1
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.00025"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.0005"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.001"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.0025"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.005"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.01"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.025"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.05"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.1"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.25"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="0.5"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="1"} 2
                presence_redis_round_trip_seconds_bucket{node="10.0.0.1:6379",le="+Inf"} 3
                presence_redis_round_trip_seconds_sum{node="10.0.0.1:6379"} 2.000200001
                presence_redis_round_trip_seconds_count{node="10.0.0.1:6379"} 3

                """)
    }

    @Test(
        "Values of labels are escaped",
        arguments: [
            (#"plain"#, #"plain"#), (#"a"b"#, #"a\"b"#), (#"a\b"#, #"a\\b"#), ("a\nb", #"a\nb"#), ("\r\n", "\r\\n"),
            ("é🙂 {},=", "é🙂 {},="), ("", ""),
        ])
    func escaping(_ value: String, _ written: String) {
        instruments.counter(.redisReconnects, value).count()
        #expect(registry.text().hasSuffix("\npresence_redis_reconnects_total{node=\"\(written)\"} 1\n"))
    }

    @Test(
        "Numbers are written as Go reads them",
        arguments: [
            (0, "0"), (-0.0, "0"), (12, "12"), (0.25, "0.25"), (1_790_000_000, "1790000000"), (1e-7, "1e-07"),
            (1e300, "1e+300"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
        ] as [(Double, String)])
    func numbers(_ value: Double, _ written: String) async {
        let instruments = instruments
        instruments.whenAsked { [Reading(.cpu, is: value)] }
        await instruments.readStates()
        #expect(registry.text().hasSuffix("\nprocess_cpu_seconds_total \(written)\n"))
    }
}
