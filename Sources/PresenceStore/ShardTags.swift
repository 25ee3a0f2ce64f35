/// The hash tags of the shards.
///
/// Up to `numbersMost` shards it is the shard's number, `071`. From then on they have to spread evenly over the 16384
/// slots of a cluster, which plain numbers do not: the tag is the number, a dot, and the smallest number behind it with
/// which it falls into the slot `shard * 16384 / shards`. Any tool can compute it: the slot is the CRC-16 (XMODEM) of
/// the tag modulo 16384.
enum ShardTags {
    private static let numbersMost = 255
    private static let slots = 16_384

    static func all(_ shards: Int) -> [String] {
        let finder = shards > numbersMost ? SuffixFinder() : nil
        return (0..<shards).map { shard in
            guard let finder else {
                let digits = String(shard)
                return String(repeating: "0", count: max(0, 3 - digits.count)) + digits
            }
            let number = "\(shard)."
            return number + String(finder.suffix(behind: number, slot: shard * slots / shards))
        }
    }

    static func slot(of tag: String) -> Int { Int(CRC16.checksum(tag.utf8)) % slots }

    /// Finds the smallest number behind a text that gives a slot. A CRC is linear: that of text and number is that of
    /// the text followed by as many zero bytes, XOR that of the number alone; so each number is looked at only once.
    private struct SuffixFinder {
        /// The smallest number of each slot, by number of digits.
        private var numbers: [[Int?]] = []
        private var tried = 0

        init() {
            // Few slots have no number of up to five digits.
            while numbers.count < 5 {
                var smallest = [Int?](repeating: nil, count: slots)
                let next = max(10, tried * 10)
                for number in (tried..<next).reversed() { smallest[slot(of: String(number))] = number }
                numbers.append(smallest)
                tried = next
            }
        }

        func suffix(behind text: String, slot: Int) -> Int {
            var start = CRC16.checksum(text.utf8)
            for smallest in numbers {
                start = CRC16.checksum([0], from: start)
                if let number = smallest[(Int(start) ^ slot) % slots] { return number }
            }
            return (tried...).first { ShardTags.slot(of: text + String($0)) == slot } ?? tried
        }
    }
}

/// The CRC-16 of Redis Cluster (XMODEM).
enum CRC16 {
    private static let table: [UInt16] = (0..<256).map { byte in
        (0..<8).reduce(UInt16(byte) << 8) { value, _ in value & 0x8000 == 0 ? value << 1 : value << 1 ^ 0x1021 }
    }

    static func checksum(_ bytes: some Sequence<UInt8>, from start: UInt16 = 0) -> UInt16 {
        bytes.reduce(start) { crc, byte in table[Int(UInt8(crc >> 8) ^ byte)] ^ (crc << 8) }
    }
}
