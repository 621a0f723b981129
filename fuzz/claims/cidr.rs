//! A line with a block, and then an address: blocks hold what the second evaluator says, bit by bit; ports are read alike.

use std::net::IpAddr;

use portcullis::matcher::{IpBlock, parse_port};

use super::super::naive;

/// The claim.
pub fn holds(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let Some(([value], address)) = super::lines::<1>(text) else { return };
    assert_eq!(parse_port(value).ok(), naive::port(value), "{value:?}");
    let block = IpBlock::parse(value);
    let address: IpAddr = address
        .parse()
        .unwrap_or_else(|_| IpAddr::from([0, 0, 0, 0]));
    let naive = naive::in_block(value, address);
    assert_eq!(
        block.as_ref().ok().map(|block| block.contains(address)),
        naive,
        "{value:?} {address}"
    );
    let Ok(block) = block else { return };
    assert!(block.contains(block.first()), "{value:?}");
    assert_eq!(IpBlock::parse(&block.to_string()).as_ref(), Ok(&block), "{value:?}");
    for outside in block.beside().into_iter().flatten() {
        assert!(!block.contains(outside), "{value:?} {outside}");
        assert_eq!(naive::in_block(value, outside), Some(false), "{value:?} {outside}");
    }
}
