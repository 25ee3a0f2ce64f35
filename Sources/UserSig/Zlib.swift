import CZlib

/// Whole zlib streams in memory.
enum Zlib {
    /// - Returns: nil for what is not one whole stream, or is larger than `bytesMax` or empty when inflated.
    static func inflated(_ bytes: [UInt8], bytesMax: Int) -> [UInt8]? {
        var consumed = uLong(bytes.count)
        let inflated = [UInt8](unsafeUninitializedCapacity: bytesMax) { buffer, count in
            var written = uLongf(bytesMax)
            let status = uncompress2(buffer.baseAddress, &written, bytes, &consumed)
            count = status == Z_OK ? Int(written) : 0
        }
        return !inflated.isEmpty && consumed == bytes.count ? inflated : nil
    }

    static func deflated(_ bytes: [UInt8]) -> [UInt8] {
        var written = compressBound(uLong(bytes.count))
        return [UInt8](unsafeUninitializedCapacity: Int(written)) { buffer, count in
            guard compress(buffer.baseAddress, &written, bytes, uLong(bytes.count)) == Z_OK else {
                preconditionFailure("zlib compresses anything that fits the bound it gave itself")
            }
            count = Int(written)
        }
    }
}
