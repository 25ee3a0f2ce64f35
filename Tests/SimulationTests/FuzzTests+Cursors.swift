import Faults
import PresenceStore
import Testing

@testable import Feed

extension FuzzTests {
    private static let feeds = [
        "1763712345678-0-3-k3J9x0Abc12Z", "0-18446744073709551615-4095-a", "4503599627370496-7-0-zzzzzzzzzzzz",
        "9007199254740993-0-0-a", "1-18446744073709551616-0-a", "+1-2-3-a", "01-2-3-a",
    ]

    @Test("Cursors of the feed and of exports: what is read says again what it was read from")
    func cursors() {
        let exports = Self.feeds.flatMap { feed in
            ["b", "c_5-1", "c_0-0", "u_31_616e6e_5-0_17", "u_696e66_616e6e_5-0_17", "u_2d31_f09f9982_5-+1_17"].map {
                "\(feed)_7_\($0)"
            }
        }
        var feeds = Mangler(seed: Self.seed, corpus: Self.feeds)
        var all = Mangler(seed: Self.seed, corpus: exports)
        var read = 0
        for _ in 0..<Self.rounds * 10 {
            let (feed, export) = (feeds.text(), all.text())
            if let cursor = FeedCursor(feed) {
                read += 1
                #expect(cursor.description == feed)
            }
            if let cursor = ExportCursor(export) {
                read += 1
                #expect(ExportCursor(cursor.description) == cursor, "\(export)")
            }
        }
        #expect(read > Self.rounds)
    }
}
