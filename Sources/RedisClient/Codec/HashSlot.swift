/// Which of a cluster's slots a key stands in: the CRC-16 (XMODEM) of its name, or of what stands in its first braces,
/// modulo the number of slots. The same on every server.
package enum HashSlot {
    package static let count = 16_384

    package static func of(_ key: String) -> Int {
        var key = key
        return key.withUTF8 { name in
            guard let open = name.firstIndex(of: UInt8(ascii: "{")),
                let close = name[(open + 1)...].firstIndex(of: UInt8(ascii: "}")), close > open + 1
            else { return Int(CRC16.checksum(name)) % count }
            return Int(CRC16.checksum(name[(open + 1)..<close])) % count
        }
    }
}

/// The CRC-16 of Redis Cluster (XMODEM).
package enum CRC16 {
    private static let table: [UInt16] = (0..<256).map { byte in
        (0..<8).reduce(UInt16(byte) << 8) { value, _ in value & 0x8000 == 0 ? value << 1 : value << 1 ^ 0x1021 }
    }

    package static func checksum(_ bytes: some Sequence<UInt8>, from start: UInt16 = 0) -> UInt16 {
        bytes.reduce(start) { crc, byte in table[Int(UInt8(crc >> 8) ^ byte)] ^ (crc << 8) }
    }
}
