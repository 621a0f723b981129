//! `10.1.2.3`, `10.0.0.0/8`, `2001:db8::/32` → a block of addresses.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// A block of IPv4 or IPv6 addresses; a single address is a block of one. Bits beyond the prefix are
/// dropped: `10.1.2.3/8` is `10.0.0.0/8` (as Envoy masks it) [AP-55].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IpBlock(IpNet);

/// Why a text is no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an IP address nor a CIDR block")]
pub struct IpBlockError(pub String);

impl IpBlock {
    /// Reads an address or a block in CIDR notation [VAL-21].
    ///
    /// # Errors
    /// Anything else, also a prefix length with a sign or a leading zero, or a part of an address with one.
    pub fn parse(text: &str) -> Result<Self, IpBlockError> {
        let error = || IpBlockError(text.to_owned());
        let (address, length) = match text.split_once('/') {
            None => (text, None),
            Some((address, length)) => (address, Some(length)),
        };
        // `ipnet` would read `01.0.0.0`; Go, and so Istio, does not.
        let address: IpAddr = address.parse().map_err(|_not_an_address| error())?;
        let Some(length) = length else { return Ok(Self(IpNet::from(address))) };
        let canonical = length == "0"
            || (!length.starts_with('0') && length.bytes().all(|byte| byte.is_ascii_digit()));
        if !canonical {
            return Err(error());
        }
        let length: u8 = length.parse().map_err(|_not_a_length| error())?;
        let net = IpNet::new(address, length).map_err(|_too_long| error())?;
        Ok(Self(net.trunc()))
    }

    /// Whether the block holds the address. An IPv4 block holds no IPv6 address, mapped ones included,
    /// and the other way round: `0.0.0.0/0` is not "everybody".
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// The lowest address of the block.
    #[must_use]
    pub fn first(self) -> IpAddr {
        self.0.network()
    }

    /// The addresses just below and just above the block, where there are any.
    #[must_use]
    pub fn beside(self) -> [Option<IpAddr>; 2] {
        let step = |address: IpAddr, by: i8| match address {
            IpAddr::V4(v4) => {
                let moved = u32::from(v4).checked_add_signed(by.into())?;
                Some(IpAddr::V4(moved.into()))
            }
            IpAddr::V6(v6) => {
                let moved = u128::from(v6).checked_add_signed(by.into())?;
                Some(IpAddr::V6(moved.into()))
            }
        };
        [step(self.0.network(), -1), step(self.0.broadcast(), 1)]
    }
}

impl fmt::Display for IpBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::IpBlock;

    // [AP-55]
    #[rstest]
    #[case::first("10.1.0.0/16", "10.1.0.0", true)]
    #[case::last("10.1.0.0/16", "10.1.255.255", true)]
    #[case::after("10.1.0.0/16", "10.2.0.0", false)]
    #[case::host_bits_are_masked("10.1.2.3/8", "10.200.0.1", true)]
    #[case::single("10.1.2.3", "10.1.2.3", true)]
    #[case::all_of_v4_holds_no_v6("0.0.0.0/0", "2001:db8::1", false)]
    #[case::all_of_v6_holds_no_v4("::/0", "10.1.2.3", false)]
    #[case::a_mapped_address_is_v6("::ffff:10.1.2.3", "10.1.2.3", false)]
    fn a_block_holds_addresses_of_its_family(
        #[case] block: &str,
        #[case] ip: &str,
        #[case] want: bool,
    ) {
        assert_eq!(IpBlock::parse(block).unwrap().contains(ip.parse().unwrap()), want);
    }

    // [VAL-21]
    #[rstest]
    #[case("")]
    #[case("a.b.c.d")]
    #[case("1.1.1.1/33")]
    #[case("01.0.0.0/0")]
    #[case("1.1.1.01")]
    #[case("1.1.1.1/08")]
    #[case("1.1.1.1/+8")]
    #[case("1.1.1.1/")]
    #[case("01.1.1.1")]
    #[case("2001:1::1/132")]
    #[case("fe80::1%eth0")]
    fn what_is_no_block_is_an_error(#[case] text: &str) {
        assert!(IpBlock::parse(text).is_err());
    }
}
