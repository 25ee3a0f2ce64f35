import Inspection
import Testing

@Suite("Times for people")
struct TimesTests {
    @Test("A time has its milliseconds, and how long ago or ahead it is")
    func times() {
        #expect(Times.both(1_795_730_970_537, now: 1_795_730_970_540) == "2026-11-26T22:09:30.537Z (3 ms ago)")
        #expect(Times.ago(5, now: 0) == "in 5 ms")
        #expect(Times.iso(1_000) == "1970-01-01T00:00:01.000Z")
    }

    @Test(
        "A span has the unit that is of use",
        arguments: [
            (0, "0 ms"), (999, "999 ms"), (1_000, "1 s"), (1_450, "1.4 s"), (41_900, "41 s"), (119_999, "119 s"),
            (120_000, "2 min"), (7_200_000, "2 h"), (172_800_000, "2 d"),
        ])
    func spans(_ milliseconds: Int, _ text: String) {
        #expect(Times.span(milliseconds) == text)
    }

    @Test(
        "What is configured is told exactly",
        arguments: [(0, "0 ms"), (1_500, "1500 ms"), (400_000, "400 s"), (120_000, "2 min"), (604_800_000, "7 d")])
    func exact(_ milliseconds: Int, _ text: String) {
        #expect(Times.exact(milliseconds) == text)
    }
}
