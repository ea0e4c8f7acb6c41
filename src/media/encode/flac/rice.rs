//! Rice codes: how what is left over by a prediction is written.

use super::bits::BitWriter;

/// Partitions are halved at most so often. Decoders that keep to the streamable subset take 8.
const MOST_ORDER: u32 = 6;

/// How the residual of a subframe is to be written.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    /// There are two to this power partitions.
    order: u32,
    /// The Rice parameter of each.
    parameters: Vec<u8>,
    /// How many bits it takes, the header of the residual included.
    pub(super) bits: u64,
}

/// Finds the partitions that take least for `residual`, the first `skip` samples of whose block stand for themselves.
pub(super) fn plan(residual: &[i32], skip: usize, plan: &mut Plan) {
    let block = residual.len() + skip;
    let mut order = block.trailing_zeros().min(MOST_ORDER);
    while order > 0 && block >> order <= skip {
        order -= 1;
    }
    let size = block >> order;
    let mut sums = [0_u64; 1 << MOST_ORDER];
    let mut rest = residual;
    for (place, sum) in sums[..1 << order].iter_mut().enumerate() {
        let (own, later) = rest.split_at(if place == 0 { size - skip } else { size });
        // 128 samples of 32 bits never overflow; the sums of short partitions are kept narrow, which is faster.
        *sum = own.chunks(64).map(|part| part.iter().map(|sample| u64::from(folded(*sample))).sum::<u64>()).sum();
        rest = later;
    }
    plan.bits = u64::MAX;
    let mut parameters = [0; 1 << MOST_ORDER];
    loop {
        let size = block >> order;
        let mut bits = 2 + 4;
        for place in 0..1 << order {
            let count = (if place == 0 { size - skip } else { size }) as u64;
            let (parameter, taken) = best(sums[place], count);
            parameters[place] = parameter;
            bits += taken;
        }
        let wide = parameters[..1 << order].iter().any(|parameter| *parameter > 14);
        bits += (if wide { 5 } else { 4 }) << order;
        if bits < plan.bits {
            plan.bits = bits;
            plan.order = order;
            plan.parameters.clear();
            plan.parameters.extend_from_slice(&parameters[..1 << order]);
        }
        if order == 0 {
            return;
        }
        order -= 1;
        for place in 0..1 << order {
            sums[place] = sums[2 * place] + sums[2 * place + 1];
        }
    }
}

/// The Rice parameter for `count` samples whose folded values add up to `sum`, and about how many bits they take with it.
fn best(sum: u64, count: u64) -> (u8, u64) {
    if count == 0 {
        return (0, 0);
    }
    // What the high parts add up to is half a unit a sample less than the sum tells, on the mean.
    let bits = |parameter: u32| {
        let high = if parameter == 0 { sum } else { (sum >> parameter).saturating_sub(count / 2) };
        count * u64::from(parameter + 1) + high
    };
    let guess = (sum / count).max(1).ilog2().min(30);
    let next = (guess + 1).min(30);
    let (parameter, taken) = if bits(next) < bits(guess) { (next, bits(next)) } else { (guess, bits(guess)) };
    if guess > 0 && bits(guess - 1) < taken { ((guess - 1) as u8, bits(guess - 1)) } else { (parameter as u8, taken) }
}

/// Signed to unsigned, small ones first: 0, -1, 1, -2, ...
#[inline]
const fn folded(sample: i32) -> u32 {
    ((sample << 1) ^ (sample >> 31)) as u32
}

/// Writes the residual as `plan` says.
pub(super) fn write(residual: &[i32], skip: usize, plan: &Plan, to: &mut BitWriter) {
    let wide = plan.parameters.iter().any(|parameter| *parameter > 14);
    to.put(wide.into(), 2);
    to.put(plan.order.into(), 4);
    let size = (residual.len() + skip) >> plan.order;
    let mut rest = residual;
    for (place, parameter) in plan.parameters.iter().enumerate() {
        let (own, later) = rest.split_at(if place == 0 { size - skip } else { size });
        rest = later;
        to.put((*parameter).into(), if wide { 5 } else { 4 });
        let parameter = u32::from(*parameter);
        let (one, mask) = (1_u64 << parameter, (1_u32 << parameter) - 1);
        for sample in own {
            let value = folded(*sample);
            let (zeros, low) = (value >> parameter, u64::from(value & mask));
            if zeros + parameter < 57 {
                to.put(one | low, zeros + 1 + parameter);
            } else {
                to.zeros(zeros);
                to.put(one | low, 1 + parameter);
            }
        }
    }
}
